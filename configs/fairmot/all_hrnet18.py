# FairMOT with HRNet-W18 on the MIX (batch 8 on two GPUs).
#     python tools/train.py --config configs/fairmot/all_hrnet18.py --gpus 2
_base_ = "mix_dla34.py"
model = dict(backbone=dict(_delete_=True, type="HRNet", width=18, pretrained="hrnetv2_w18_imagenet_pretrained.pth"))
data = dict(stages=[dict(until=1.0, samples_per_gpu=4)])

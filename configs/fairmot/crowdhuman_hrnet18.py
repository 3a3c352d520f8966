# FairMOT with HRNet-W18 on CrowdHuman, self-supervised (batch 12 on two GPUs).
#     dmtrack train --config configs/fairmot/crowdhuman_hrnet18.py --gpus 2
_base_ = "crowdhuman_dla34.py"
model = dict(backbone=dict(_delete_=True, type="HRNet", width=18, pretrained="hrnetv2_w18_imagenet_pretrained.pth"))
data = dict(stages=[dict(until=1.0, samples_per_gpu=6)])

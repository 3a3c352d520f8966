# FairMOT with HRNet-W32 on the MIX (batch 8 on two GPUs).
#     python tools/train.py --config configs/fairmot/all_hrnet32.py --gpus 2
_base_ = "all_hrnet18.py"
model = dict(backbone=dict(width=32, pretrained="hrnetv2_w32_imagenet_pretrained.pth"))

# SiamRPN++ with ResNet-50 as PySOT publishes it for OTB100: levels are not weighted, the first stage is trained too.
_base_ = "./siamrpn_r50_l234_dwxcorr.py"
model = dict(
    head=dict(weighted=False),
    train_cfg=dict(backbone_layers=["layer1", "layer2", "layer3", "layer4"]),
)
tracker = dict(penalty_k=0.24, window_influence=0.5, lr=0.25)
data = dict(
    recipe=[
        dict(type="CropAround", size=511, rule="pysot"),
        dict(type="RandomGray", probability=0.25),
        dict(type="ShiftScaleCrop", sizes=(127, 255), shifts=(4, 64), scales=(0.05, 0.18)),
        dict(type="ShiftColour", probabilities=(1.0, 1.0)),
        dict(type="BlurSearch", probabilities=(0.0, 0.2)),
    ],
)
lr_config = dict(min_lr_ratio=0.5)

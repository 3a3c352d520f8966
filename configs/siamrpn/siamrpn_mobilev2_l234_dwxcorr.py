# SiamRPN++ with MobileNetV2 as PySOT publishes it: the levels are not weighted.
_base_ = "./siamrpn_r50_l234_dwxcorr.py"
model = dict(
    backbone=dict(_delete_=True, type="SiameseMobileNetV2", width_mult=1.4, out_stages=[3, 5, 7]),
    neck=dict(in_channels=[44, 134, 448]),
    head=dict(weighted=False),
)
tracker = dict(penalty_k=0.04, window_influence=0.4, lr=0.5)

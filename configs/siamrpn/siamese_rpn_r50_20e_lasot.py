# SiamRPN++ with ResNet-50 as MMTracking publishes it, with its settings for LaSOT.
#     dmtrack weights import siamese_rpn_r50_20e_lasot.pth --from mmtracking
model = dict(
    type="SiamRPN",
    flavour="mmtracking",
    backbone=dict(type="SiameseResNet50", out_stages=[2, 3, 4]),
    neck=dict(type="ChannelMapper", in_channels=[512, 1024, 2048], out_channels=256),
    head=dict(type="SiamRPNHead", in_channels=[256, 256, 256], anchors=5, weighted=True),
    center_size=7,
    preprocessing=dict(exemplar_size=127, search_size=255, base_size=8, context_amount=0.5, stride=8),
)
tracker = dict(type="SiamRPNTracker", penalty_k=0.05, window_influence=0.42, lr=0.38)

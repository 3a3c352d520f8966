# SiamRPN++ with ResNet-50 as PySOT publishes it, with its settings for VOT2018.
#     dmtrack weights import model.pth --from pysot
model = dict(
    type="SiamRPN",
    flavour="pysot",
    backbone=dict(type="SiameseResNet50", out_stages=[2, 3, 4]),
    neck=dict(type="ChannelMapper", in_channels=[512, 1024, 2048], out_channels=[256, 256, 256]),
    head=dict(type="SiamRPNHead", in_channels=[256, 256, 256], anchors=5, weighted=True),
    center_size=7,
    preprocessing=dict(exemplar_size=127, search_size=255, base_size=8, context_amount=0.5, stride=8),
)
tracker = dict(type="SiamRPNTracker", penalty_k=0.05, window_influence=0.42, lr=0.38)

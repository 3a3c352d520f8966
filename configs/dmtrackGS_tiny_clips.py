# DMTrack-GS tiny on more of the world: photographs with masks and clips of true motion beside the data of
# dmtrackGS_tiny.py, and the generator's hard cases. Training all of the network helps on clips and costs look-alikes,
# so these weights do not ship; the refinement of boxes that ships has learnt from this alone (docs/tiny_weights.md).
#     dmtrack train --config configs/dmtrackGS_tiny_clips.py --cpus 1
#     dmtrack train --config configs/dmtrackGS_tiny_clips.py --cpus 1 --set model.train_mode=refinement \
#         --set "load_from_except=['refinement_head']"
_base_ = "./dmtrackGS_tiny.py"
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
raccoon = dict(
    annotations=data_root + "detection/raccoon/annotations.json",
    images=data_root + "detection/raccoon/images",
    weight=0.08,
)
further = [
    dict(annotations=more + "annotations_pennfudan.json", images=more + "pennfudan", weight=0.1),
    dict(annotations=more + "annotations_cow_msrc.json", images=more + "cow_msrc", weight=0.02),
    dict(annotations=more + "annotations_pets_sample.json", images=more + "pets_sample", weight=0.02),
    dict(annotations=more + "annotations_fruits_nuts.json", images=more + "fruits_nuts", weight=0.02),
    dict(annotations=more + "annotations_msra_sample.json", images=more + "msra_sample", weight=0.02),
]
photographs = [
    dict(
        annotations=data_root + "detection/coco_sample/annotations.json",
        images=data_root + "detection/coco_sample/images",
        weight=0.4,
    ),
    raccoon,
    dict(annotations=more + "annotations_ecssd.json", images=more + "ecssd", weight=0.34),
]
data = dict(
    train=dict(
        real_images=photographs + further,
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
optimizer = dict(lr=8e-4)
lr_config = dict(warmup_iters=50)
total_iterations = 4000
ema = dict(decay=0.998)
evaluation = dict(interval_iterations=500)
seed = 31
load_from = "dmtrackGS_tiny"

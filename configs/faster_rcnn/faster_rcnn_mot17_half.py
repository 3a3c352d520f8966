# Faster R-CNN on the first halves of the MOT17 videos: the detector of MMTracking's SORT, DeepSORT and Tracktor.
#     dmtrack weights import faster-rcnn_r50_fpn_4e_mot17-half-64ee2ed4.pth --from mmdetection
#     dmtrack mot track my.mp4 --config configs/faster_rcnn/faster_rcnn_mot17_half.py --weights FILE --policy tracktor
# Training, on what `dmtrack data convert mot17 MOT17 datasets/mot17 --to cocovid --half train` writes:
#     python tools/train.py --config configs/faster_rcnn/faster_rcnn_mot17_half.py --gpus 8
# The published training also draws the scale (0.8 to 1.2) and crops to 1088x1088.
model = dict(
    type="FasterRCNN",
    classes=1,
    test_cfg=dict(least_score=0.05, most_overlap=0.5),
    preprocessing=dict(flavour="mmdetection", scale=(1088, 1088)),
)
tracker = dict(type="TrackByDetection", policy=dict(type="ByteTrack"))

data = dict(
    train=dict(
        type="ImageClips",
        source=dict(
            type="Coco",
            annotations="datasets/mot17/mot17_train_half_cocovid.json",
            images="datasets/mot17/mot17_train_half_cocovid_images",
        ),
    ),
    recipe=[
        dict(type="Rescale", scale=(1088, 1088), short_side_range=None, interpolations=["linear"]),
        dict(type="PhotometricDistort"),
        dict(type="RandomFlip"),
    ],
    stages=[dict(until=1.0, samples_per_gpu=2)],
    workers_per_gpu=2,
)

# The published batch is 16 on eight GPUs.
optimizer = dict(type="SGD", lr=0.02, momentum=0.9, weight_decay=0.0001)
optimizer_config = dict(autoscale_lr=8)
lr_config = dict(policy="step", warmup="linear", warmup_iters=100, warmup_ratio=0.01, step=[3])
# COCO's weights, of another number of classes.
load_from = "faster_rcnn_coco.safetensors"
load_from_except = ["roi_heads.box_predictor."]
total_epochs = 4
samples_per_epoch = 2664
seed = 1
log_config = dict(interval=50)

# YOLOX-X on CrowdHuman and the first halves of the MOT17 videos: ByteTrack's detector for its ablations.
#     python tools/train.py --config configs/yolox/yolox_x_ablation.py --gpus 8
_base_ = "yolox_x_mix_det.py"
_images = dict(
    type="ImageClips",
    source=dict(type="Coco", annotations="datasets/mix_mot_ch/annotations/train.json", images="datasets/mix_mot_ch"),
)
data = dict(
    train=dict(sampler=_images),
    stages=[dict(until=0.875, samples_per_gpu=6), dict(until=1.0, samples_per_gpu=6, train=_images)],
)
samples_per_epoch = 22035

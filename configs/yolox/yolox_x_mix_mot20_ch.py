# YOLOX-X on MOT20 and CrowdHuman: ByteTrack's detector for the MOT20 test set.
#     python tools/train.py --config configs/yolox/yolox_x_mix_mot20_ch.py --gpus 8
_base_ = "yolox_x_mix_det.py"
_images = dict(
    type="ImageClips",
    source=dict(
        type="Coco", annotations="datasets/mix_mot20_ch/annotations/train.json", images="datasets/mix_mot20_ch"
    ),
)
data = dict(
    train=dict(sampler=_images),
    stages=[dict(until=0.875, samples_per_gpu=6), dict(until=1.0, samples_per_gpu=6, train=_images)],
)
samples_per_epoch = 28301

# YOLOX-X on MOTSynth alone: where the winner of the BMTT challenge 2022 begins (arXiv 2205.15609).
#     python tools/train.py --config configs/yolox/yolox_x_source_only.py --gpus 8
_base_ = "yolox_x_mix_det.py"
_images = dict(
    type="ImageClips",
    source=dict(type="Coco", annotations="datasets/motsynth/annotations/train.json", images="datasets/motsynth"),
)
model = dict(train_cfg=dict(l1_from=290))
data = dict(
    train=dict(sampler=_images),
    # The last 10 of 300 epochs see single images.
    stages=[dict(until=29 / 30, samples_per_gpu=6), dict(until=1.0, samples_per_gpu=6, train=_images)],
)
lr_config = dict(warmup_epochs=0)
total_epochs = 300
# Every 20th frame of 764 videos; give the number of images of your file.
samples_per_epoch = 68760

# YOLOX-Tiny on COCO, as YOLOX publishes it since 0.2 (300 epochs).
#     dmtrack weights import yolox_tiny.pth --from yolox --config configs/yolox/yolox_tiny.py
#     python tools/train.py --config configs/yolox/yolox_tiny.py --gpus 8
_base_ = "yolox_l.py"
model = dict(depth=0.33, width=0.375, train_cfg=dict(heights=(10, 20)), preprocessing=dict(size_wh=(416, 416)))
data = dict(
    train=dict(size_wh=(416, 416), scale=(0.5, 1.5), mixup=0.0),
    recipe=[
        dict(type="SaturationValueJitter", spread=0.7, value=0.4, hue=0.015),
        dict(type="RandomFlip"),
        dict(type="LetterboxTo", size_wh=(416, 416), fill=114, centred=False),
    ],
)

# YOLOX-Nano on COCO, as YOLOX publishes it since 0.2 (300 epochs).
#     dmtrack weights import yolox_nano.pth --from yolox --config configs/yolox/yolox_nano.py
#     python tools/train.py --config configs/yolox/yolox_nano.py --gpus 8
_base_ = "yolox_tiny.py"
model = dict(width=0.25, depthwise=True)

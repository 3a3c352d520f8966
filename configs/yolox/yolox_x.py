# YOLOX-X on COCO, as YOLOX publishes it since 0.2 (300 epochs).
#     dmtrack weights import yolox_x.pth --from yolox --config configs/yolox/yolox_x.py
#     python tools/train.py --config configs/yolox/yolox_x.py --gpus 8
_base_ = "yolox_l.py"
model = dict(depth=1.33, width=1.25)

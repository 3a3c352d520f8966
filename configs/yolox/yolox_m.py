# YOLOX-M on COCO, as YOLOX publishes it since 0.2 (300 epochs).
#     dmtrack weights import yolox_m.pth --from yolox --config configs/yolox/yolox_m.py
#     python tools/train.py --config configs/yolox/yolox_m.py --gpus 8
_base_ = "yolox_l.py"
model = dict(depth=0.67, width=0.75)

# YOLOX-S on COCO, as YOLOX publishes it since 0.2 (300 epochs).
#     dmtrack weights import yolox_s.pth --from yolox --config configs/yolox/yolox_s.py
#     python tools/train.py --config configs/yolox/yolox_s.py --gpus 8
_base_ = "yolox_l.py"
model = dict(depth=0.33, width=0.5)

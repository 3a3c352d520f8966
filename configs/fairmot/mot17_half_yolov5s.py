# FairMOT with the YOLOv5s layout on the first half of every MOT17 training video; the second half validates.
#     dmtrack train --config configs/fairmot/mot17_half_yolov5s.py --gpus 2
_base_ = "all_yolov5s.py"
data = dict(train=dict(source=dict(data="data/fairmot/mot17_train_half.json")))
samples_per_epoch = 2657

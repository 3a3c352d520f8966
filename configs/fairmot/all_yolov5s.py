# FairMOT with the YOLOv5s layout on the MIX and CrowdHuman: the small one (batch 16 on two GPUs, fixed weights of the
# losses).
#     python tools/train.py --config configs/fairmot/all_yolov5s.py --gpus 2
_base_ = "mix_dla34.py"
model = dict(
    backbone=dict(_delete_=True, type="YOLOv5s"),
    embedding_channels=64,
    head_channels=64,
    activation="silu",
    train_cfg=dict(weighting="fixed", size_weight=0.5),
)
data = dict(train=dict(source=dict(data="data/fairmot/data_all.json")), stages=[dict(until=1.0, samples_per_gpu=8)])
optimizer = dict(lr=0.0005)
samples_per_epoch = 73064

# FairMOT with DLA-34 on the first half of every MOT17 training video; the second half validates.
#     python tools/train.py --config configs/fairmot/mot17_half_dla34.py --gpus 2
_base_ = "mix_dla34.py"
data = dict(train=dict(source=dict(data="data/fairmot/mot17_train_half.json")))
samples_per_epoch = 2657

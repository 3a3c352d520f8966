# FairMOT with DLA-34 on MOT17 alone.
#     dmtrack train --config configs/fairmot/mot17_dla34.py --gpus 2
_base_ = "mix_dla34.py"
data = dict(train=dict(source=dict(data="data/fairmot/mot17.json")))
samples_per_epoch = 5316

# FairMOT with HRNet-W18 on the MIX, of MOT17 the first half of every video; the second half validates.
#     dmtrack train --config configs/fairmot/mix_mot17_half_hrnet18.py --gpus 2
_base_ = "all_hrnet18.py"
data = dict(train=dict(source=dict(data="data/fairmot/data_half.json")))
samples_per_epoch = 51035

# FairMOT with DLA-34 for MOT15: fine-tuned from the weights of the MIX.
#     python tools/train.py --config configs/fairmot/mot15_ft_mix_dla34.py --gpus 2
_base_ = "mix_dla34.py"
load_from = "fairmot_dla34.safetensors"
load_from_except = ["loss."]
tracker = dict(policy=dict(min_score=0.3))
data = dict(train=dict(source=dict(data="data/fairmot/mot15.json")))
lr_config = dict(step=[15])
total_epochs = 20
samples_per_epoch = 5405

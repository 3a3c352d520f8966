# FairMOT with DLA-34 on the MIX after CrowdHuman: what the published MOT17 results were trained with (mix_ft_ch_dla34).
#     python tools/train.py --config configs/fairmot/all_dla34.py --gpus 2
_base_ = "mix_dla34.py"
load_from = "crowdhuman_dla34.safetensors"
load_from_except = ["loss."]

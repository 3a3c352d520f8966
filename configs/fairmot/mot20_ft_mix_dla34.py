# FairMOT with DLA-34 for MOT20: fine-tuned from the weights of the MIX.
#     python tools/train.py --config configs/fairmot/mot20_ft_mix_dla34.py --gpus 2
_base_ = "mix_dla34.py"
load_from = "fairmot_dla34.safetensors"
load_from_except = ["loss."]
data = dict(
    train=dict(source=dict(data="data/fairmot/mot20.json")),
    recipe=[
        dict(type="SaturationValueJitter", spread=0.5),
        dict(type="LetterboxTo", size_wh=(1088, 608)),
        # In these crowds most boxes at the border are cut there in the truth, too.
        dict(type="RandomAffine", degrees=5.0, translate=0.1, scale=(0.5, 1.2), shear=2.0, clip=True),
        dict(type="RandomFlip"),
    ],
)
tracker = dict(policy=dict(min_score=0.3))
lr_config = dict(step=[15])
total_epochs = 20
samples_per_epoch = 8931

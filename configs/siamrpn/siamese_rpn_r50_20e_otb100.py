# SiamRPN++ with ResNet-50 as MMTracking publishes it, with its settings for OTB100; some training pairs are gray.
_base_ = "./siamese_rpn_r50_20e_lasot.py"
tracker = dict(penalty_k=0.4, window_influence=0.5, lr=0.4)
data = dict(
    recipe=[
        dict(type="CropAround", size=511, rule="mmtracking"),
        dict(type="RandomGray", probability=0.2),
        dict(type="ShiftScaleCrop", sizes=(127, 255), shifts=(4, 64), scales=(0.05, 0.18)),
        dict(type="ShiftColour", probabilities=(1.0, 1.0)),
        dict(type="BlurSearch", probabilities=(0.0, 0.2)),
    ],
    stages=[dict(until=1.0, samples_per_gpu=16)],
)

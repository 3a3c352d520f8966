# FairMOT with DLA-34 on the MIX of MOT17, Caltech, CityPersons, CUHK-SYSU, PRW and ETHZ, as published (30 epochs).
#     dmtrack weights import fairmot_dla34.pth --from fairmot
#     python tools/train.py --config configs/fairmot/mix_dla34.py --gpus 2
# It starts from CenterNet's weights of COCO (ctdet_coco_dla_2x.pth), or from those of ImageNet alone with
# --set model.backbone.pretrained=dla34-ba72cf86.pth. `data.json` is the published list of the sets (FairMOT's
# src/lib/cfg/data.json), its root that of your machine.
model = dict(
    type="FairMOT",
    backbone=dict(type="DLASeg", pretrained="ctdet_coco_dla_2x.pth"),
    embedding_channels=128,
    train_cfg=dict(identities=14455, weighting="uncertainty", size_weight=0.1),
    test_cfg=dict(most=500, least_score=0.1),
    preprocessing=dict(size_wh=(1088, 608)),
)
tracker = dict(type="TrackByDetection", policy=dict(type="JDE", min_score=0.4))

data = dict(
    train=dict(type="ImageClips", source=dict(type="JDELabels", data="data/fairmot/data.json")),
    recipe=[
        dict(type="SaturationValueJitter", spread=0.5),
        dict(type="LetterboxTo", size_wh=(1088, 608)),
        dict(type="RandomAffine", degrees=5.0, translate=0.1, scale=(0.5, 1.2), shear=2.0),
        dict(type="RandomFlip"),
    ],
    stages=[dict(until=1.0, samples_per_gpu=6)],
    workers_per_gpu=8,
)

# The published batch is 12 on two GPUs; the learning rate belongs to that and is scaled by the number of processes.
optimizer = dict(type="Adam", lr=0.0001)
optimizer_config = dict(autoscale_lr=2)
lr_config = dict(policy="step", step=[20], gamma=0.1)
total_epochs = 30
samples_per_epoch = 53694
precision = "fp32"
seed = 317
checkpoint_config = dict(interval=1, max_keep=5)
log_config = dict(interval=50)

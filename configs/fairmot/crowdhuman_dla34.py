# FairMOT with DLA-34 on CrowdHuman, self-supervised: every person of every image is an identity of its own.
#     dmtrack train --config configs/fairmot/crowdhuman_dla34.py --gpus 2
_base_ = "mix_dla34.py"
# 339,565 people with whole-body boxes in the 15,000 training images, which is how many identities there are.
model = dict(train_cfg=dict(identities=339566))
data = dict(
    train=dict(
        type="ImageClips", source=dict(type="JDELabels", data="data/fairmot/crowdhuman.json"), own_identities=True
    ),
    stages=[dict(until=1.0, samples_per_gpu=4)],
)
lr_config = dict(step=[50])
total_epochs = 60
samples_per_epoch = 15000

# FairMOT with HRNet-W18 on MOT17 that also learns to see what DINOv2 sees (one GPU, batch 4, 20 epochs).
#     dmtrack train --config configs/fairmot/distill_hrnet18_dinov2.py --gpus 1
# The file of the teacher is timm's model.safetensors of vit_base_patch14_dinov2.lvd142m, or Meta's own
# dinov2_vitb14_pretrain.pth, under the name below.
_base_ = "all_hrnet18.py"
distillation = dict(
    teacher=dict(type="TimmTeacher", network="vit_base_patch14_dinov2", weights="dinov2_vitb14_pretrain.pth"),
    alpha=0.5,
    loss="cosine",
    adapt_to="teacher",
    adapter="deep",
)
data = dict(train=dict(source=dict(data="data/fairmot/mot17.json")), stages=[dict(until=1.0, samples_per_gpu=4)])
optimizer_config = dict(autoscale_lr=1)
total_epochs = 20
samples_per_epoch = 5316

# The small FairMOT on the MIX and CrowdHuman, which also learns to see what a trained FairMOT with DLA-34 sees.
#     dmtrack train --config configs/fairmot/distill_yolov5s_dla34.py --gpus 2
_base_ = "all_yolov5s.py"
distillation = dict(
    teacher=dict(
        type="ConfigTeacher",
        config="configs/fairmot/all_dla34.py",
        weights="fairmot_dla34.safetensors",
    ),
    alpha=0.5,
    loss="cosine",
)

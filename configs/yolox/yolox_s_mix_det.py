# YOLOX-S on the MIX of MOT17, CrowdHuman, CityPersons and ETHZ, as ByteTrack trains it.
#     dmtrack weights import bytetrack_s_mot17.pth.tar --from bytetrack --config configs/yolox/yolox_s_mix_det.py
#     python tools/train.py --config configs/yolox/yolox_s_mix_det.py --gpus 8
_base_ = "yolox_x_mix_det.py"
model = dict(depth=0.33, width=0.5, train_cfg=dict(heights=(12, 26)), preprocessing=dict(size_wh=(1088, 608)))
data = dict(
    train=dict(size_wh=(1088, 608)),
    recipe=[
        dict(type="SaturationValueJitter", spread=0.7, value=0.4, hue=0.015),
        dict(type="RandomFlip"),
        dict(type="LetterboxTo", size_wh=(1088, 608), fill=114, centred=False),
    ],
)
load_from = "yolox_s.safetensors"

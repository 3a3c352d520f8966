# SiamRPN++ for long videos as PySOT publishes it (VOT2018-LT): other channels, and a larger search image when lost.
_base_ = "./siamrpn_r50_l234_dwxcorr.py"
model = dict(neck=dict(out_channels=[128, 256, 512]), head=dict(in_channels=[128, 256, 512]))
tracker = dict(
    penalty_k=0.05,
    window_influence=0.28,
    lr=0.22,
    long_term=dict(confidence_low=0.8, confidence_high=0.998, lost_search_size=831, lost_window_influence=0.001),
)

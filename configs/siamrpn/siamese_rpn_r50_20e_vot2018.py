# SiamRPN++ with ResNet-50 as MMTracking publishes it, with its settings for VOT2018.
_base_ = "./siamese_rpn_r50_20e_lasot.py"
tracker = dict(penalty_k=0.04, window_influence=0.44, lr=0.33)

# SiamRPN++ with ResNet-50 as MMTracking publishes it, with its settings for TrackingNet (with the weights for LaSOT).
_base_ = "./siamese_rpn_r50_20e_lasot.py"
tracker = dict(penalty_k=0.05, window_influence=0.42, lr=0.38)

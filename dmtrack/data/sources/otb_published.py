"""The published lists of OTB: 51 targets in 50 videos (CVPR 2013), and 100 targets in 98 videos (TPAMI 2015)."""

from __future__ import annotations

_OTB2013 = """
Basketball Bolt Boy Car4 CarDark CarScale Coke Couple Crossing David David2 David3 Deer Dog1 Doll Dudek FaceOcc1
FaceOcc2 Fish FleetFace Football Football1 Freeman1 Freeman3 Freeman4 Girl Ironman Jogging-1 Jogging-2 Jumping Lemming
Liquor Matrix Mhyang MotorRolling MountainBike Shaking Singer1 Singer2 Skating1 Skiing Soccer Subway Suv Sylvester
Tiger1 Tiger2 Trellis Walking Walking2 Woman
"""

_ONLY_OTB100 = """
Biker Bird1 Bird2 BlurBody BlurCar1 BlurCar2 BlurCar3 BlurCar4 BlurFace BlurOwl Board Bolt2 Box Car1 Car2 Car24
ClifBar Coupon Crowds Dancer Dancer2 Diving Dog DragonBaby Girl2 Gym Human2 Human3 Human4-2 Human5 Human6 Human7
Human8 Human9 Jump KiteSurf Man Panda RedTeam Rubik Skater Skater2 Skating2-1 Skating2-2 Surfer Toy Trans Twinnings
Vase
"""

OTB_VERSIONS = ("otb100", "otb2013")


def published_otb_names(version: str) -> tuple[str, ...]:
    """Names of the targets of "otb100" or "otb2013"; videos with several have them as `Jogging-1`, `Jogging-2`.

    Of Human4, OTB annotates the second target alone.
    """
    names = _OTB2013.split() if version == "otb2013" else [*_OTB2013.split(), *_ONLY_OTB100.split()]
    return tuple(sorted(names, key=str.lower))

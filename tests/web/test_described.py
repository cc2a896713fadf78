"""Names in the application's description of itself."""

from __future__ import annotations

from mobigo.web.described import REFERENCE, name_schemas


def refer(name: str) -> dict[str, str]:
    return {"$ref": REFERENCE + name}


def test_a_schema_is_named_after_its_room_and_its_module_only_where_it_must() -> None:
    named = name_schemas(
        {
            "paths": {"/a": refer("mobigo__carpool__ride_answers__StopAnswer")},
            "components": {
                "schemas": {
                    "mobigo__carpool__ride_answers__StopAnswer": {"items": refer("mobigo__carpool__people_api__Car")},
                    "mobigo__carpool__people_api__Car": {},
                    "mobigo__carpool__waiting_api__Car": {},
                    "mobigo__school__model__Plan": {"items": refer("Car-Input")},
                    "SchoolPlan": {},
                    "Car": {},
                    "Car-Input": {},
                }
            },
        }
    )
    assert named["paths"] == {"/a": refer("CarpoolStopAnswer")}
    assert named["components"]["schemas"] == {
        "CarpoolStopAnswer": {"items": refer("CarpoolPeopleCar")},
        "CarpoolPeopleCar": {},
        "CarpoolWaitingCar": {},
        "SchoolModelPlan": {"items": refer("Car-Input")},
        "SchoolPlan": {},
        "Car": {},
        "Car-Input": {},
    }


def test_a_description_without_schemas_stays() -> None:
    assert name_schemas({"paths": {}}) == {"paths": {}}

"""HTTP: what people of carpool tell about themselves, their cars, whom they will not meet, and all we know of them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from mobigo.accounts.api import require
from mobigo.accounts.model import Person as Asking
from mobigo.accounts.model import Role
from mobigo.carpool import people, records
from mobigo.carpool.asking import Once
from mobigo.carpool.model import Person
from mobigo.carpool.people_store import Car
from mobigo.db.session import Database
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1/carpool", tags=["carpool people"])

Traveller = Annotated[Asking, Depends(require(Role.TRAVELLER, Role.DRIVER))]
"""Somebody who drives or rides; the same person may do both."""

Staff = Annotated[Asking, Depends(require(Role.CARPOOL, Role.DESK))]
Name = Annotated[str, StringConstraints(min_length=1, max_length=people.LONGEST_NAME, pattern=r"^[^\x00-\x1f]*$")]
CarId = Annotated[str, Path(pattern=r"^car_[A-Za-z0-9_-]{1,60}$", description="Of one of one's cars")]
PersonId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,80}$", description="Of somebody met in a run")]


class ProfileBody(BaseModel):
    """What somebody tells about themselves."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["Camille Martin"])
    phone: Annotated[str, StringConstraints(max_length=50)] | None = Field(None, examples=["06 12 34 56 78"])
    email: Annotated[str, StringConstraints(max_length=300)] | None = Field(None, examples=["camille@example.org"])
    language: Literal["fr", "en"] = "fr"
    adult: StrictBool = Field(description="Declared; only adults drive and ride")


class ProfileAnswer(BaseModel):
    """Somebody, as they see themselves."""

    id: str = Field(description="What runs and bookings call them")
    name: str | None
    phone: str | None
    email: str | None
    language: str
    adult: bool


class PeopleAnswer(BaseModel):
    """People with a number, latest first."""

    people: list[ProfileAnswer]


class CarBody(BaseModel):
    """A car."""

    model_config = ConfigDict(extra="forbid")

    plate: Annotated[str, StringConstraints(min_length=2, max_length=20)] = Field(examples=["AB-123-CD"])
    name: Name = Field(description="By which passengers know it", examples=["Blue Clio"])
    seats: Annotated[int, Field(ge=1, le=8, description="For passengers")]


class CarAnswer(BaseModel):
    """One's car."""

    id: str
    plate: str
    name: str
    seats: int


class CarsAnswer(BaseModel):
    """One's cars."""

    cars: list[CarAnswer]


class BlockedAnswer(BaseModel):
    """Somebody one will not meet."""

    person: str
    since: datetime


class BlockAnswer(BaseModel):
    """Somebody one will not meet from now on."""

    person: str
    cancelled: list[str] = Field(description="Bookings of the two with each other that cannot stand")


class ContactAnswer(BaseModel):
    """Who the other one of a booking is."""

    name: str | None
    phone: str | None
    plate: str | None = Field(description="Of the driver's car, to its passengers")
    car: str | None = Field(description="As its driver calls it")


class BlockedAnswers(BaseModel):
    """Whom one will not meet, latest first."""

    blocked: list[BlockedAnswer]


@router.get("/me", responses=problems(401, 403, 404))
def read_profile(*, session: Database, asking: Traveller) -> ProfileAnswer:
    """Read what one has told about oneself."""
    return _profile(people.get_person(session, asking.user))


@router.put("/me", responses=problems(400, 401, 403, 422))
def write_profile(*, session: Database, now: Now, asking: Traveller, body: ProfileBody) -> ProfileAnswer:
    """Tell a name, a way to be reached, and that one is an adult; needed before driving or riding."""
    profile = people.Profile(body.name, body.phone, body.email, body.language, body.adult)
    return _profile(people.describe(session, asking.user, profile, now))


@router.post("/people", status_code=201, responses=problems(400, 401, 403, 422))
def register_person(
    *,
    session: Database,
    now: Now,
    staff: Staff,  # noqa: ARG001 - only guards
    body: ProfileBody,
) -> ProfileAnswer:
    """Write down somebody who has no account and telephones: the desk books and waits for them by their id."""
    profile = people.Profile(body.name, body.phone, body.email, body.language, body.adult)
    return _profile(people.register(session, profile, now))


@router.get("/people", responses=problems(400, 401, 403, 422))
def find_people(
    *,
    session: Database,
    staff: Staff,  # noqa: ARG001 - only guards
    phone: Annotated[str, Query(max_length=50, description="As people say it")],
) -> PeopleAnswer:
    """Find people by their number, for the desk."""
    return PeopleAnswer(people=[_profile(one) for one in people.find_by_phone(session, phone)])


@router.get("/me/cars", responses=problems(401, 403, 404))
def list_cars(*, session: Database, asking: Traveller) -> CarsAnswer:
    """List one's cars."""
    return CarsAnswer(cars=[_car(one) for one in people.list_cars(session, asking.user)])


@router.post("/me/cars", status_code=201, responses=problems(400, 401, 403, 404, 422))
def add_car(*, session: Database, asking: Traveller, body: CarBody) -> CarAnswer:
    """Add a car."""
    return _car(people.add_car(session, asking.user, plate=body.plate, name=body.name, seats=body.seats))


@router.put("/me/cars/{car}", responses=problems(400, 401, 403, 404, 422))
def change_car(*, session: Database, asking: Traveller, car: CarId, body: CarBody) -> CarAnswer:
    """Write a car anew; runs offered with it before stay as they are."""
    return _car(people.change_car(session, asking.user, car, plate=body.plate, name=body.name, seats=body.seats))


@router.delete("/me/cars/{car}", status_code=204, responses=problems(401, 403, 404, 422))
def remove_car(*, session: Database, asking: Traveller, car: CarId) -> None:
    """Forget a car."""
    people.remove_car(session, asking.user, car)


@router.get("/me/blocks", responses=problems(401, 403, 404))
def list_blocks(*, session: Database, asking: Traveller) -> BlockedAnswers:
    """List whom one will not meet."""
    found = people.list_blocked(session, asking.user)
    return BlockedAnswers(blocked=[BlockedAnswer(person=person, since=at) for person, at in found])


@router.put("/me/blocks/{person}", responses=problems(401, 403, 404, 409, 422))
def block(*, once: Once, asking: Traveller, person: PersonId) -> BlockAnswer:
    """Never meet somebody again whom one has met; open bookings of the two with each other are cancelled."""
    own = people.get_person(once.session, asking.user)

    def work() -> BlockAnswer:
        return BlockAnswer(person=person, cancelled=records.block(once.rides, own, person))

    return once.once(BlockAnswer, None, work)


@router.delete("/me/blocks/{person}", status_code=204, responses=problems(401, 403, 404, 422))
def unblock(*, session: Database, asking: Traveller, person: PersonId) -> None:
    """Take a block back."""
    people.unblock(session, asking.user, person)


@router.get("/me/data", responses=problems(401, 403, 404))
def export(*, session: Database, response: Response, asking: Traveller) -> dict[str, Any]:
    """Read all that is kept about one, by section."""
    response.headers["Content-Disposition"] = 'attachment; filename="carpool.json"'
    return records.export(session, people.get_person(session, asking.user))


@router.delete("/me", status_code=204, responses=problems(401, 403, 404, 409, 422))
def erase(*, once: Once, asking: Traveller) -> None:
    """Be forgotten: what is open is cancelled; trips and payments stay of nobody known, as the books must."""
    own = people.get_person(once.session, asking.user)
    with once.recording():
        records.erase(once.rides, own)


@router.get("/bookings/{booking}/contact", responses=problems(401, 403, 404, 422))
def read_contact(
    *,
    session: Database,
    now: Now,
    asking: Traveller,
    booking: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,80}$", description="Of a booking")],
) -> ContactAnswer:
    """Read the name and number of who travels with one, from a day before to a day after."""
    found = records.read_contact(session, people.get_person(session, asking.user), booking, now)
    return ContactAnswer(name=found.name, phone=found.phone, plate=found.plate, car=found.car)


def _profile(one: Person) -> ProfileAnswer:
    return ProfileAnswer(
        id=one.id, name=one.name, phone=one.phone, email=one.email, language=one.language, adult=one.adult
    )


def _car(one: Car) -> CarAnswer:
    return CarAnswer(id=one.id, plate=one.plate, name=one.name, seats=one.seats)

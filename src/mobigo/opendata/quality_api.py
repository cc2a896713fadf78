"""HTTP: how good the published data are, for programs: scores, answers by day, what validators say now."""

from datetime import date, datetime
from functools import partial

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from mobigo.db.session import Database, driver
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.opendata.answers import register_read, send_model
from mobigo.opendata.api import KNOWN, DatasetId, OpenProblem, find_dataset
from mobigo.opendata.live_sets import list_all_standings
from mobigo.opendata.model import Standing
from mobigo.opendata.quality import Quality, read_quality
from mobigo.opendata.score import ZONE, Marks

router = APIRouter(prefix="/opendata", tags=["open data"])
_read = partial(register_read, router)


class OpenMarks(BaseModel):
    """Marks from 0 to 1; null where there is nothing to judge."""

    compliance: float | None
    freshness: float | None
    availability: float | None


class OpenScore(BaseModel):
    """The score that the national access point would give."""

    day: date
    today: OpenMarks = Field(description="Of this day alone")
    smooth: OpenMarks = Field(description="With the days before, weighted as there: what is shown")


class OpenDay(BaseModel):
    """How addresses answered on a day."""

    day: date
    asked: int
    answered: int


class OpenFileQuality(BaseModel):
    """How a file answered over the days shown."""

    name: str
    share: float = Field(description="Of asking, answered", examples=[0.998])
    mean_ms: int
    slowest_ms: int
    last_at: datetime
    last_problem: str | None
    age_s: int | None = Field(description="Of real time: seconds since the moment it told of")


class OpenQuality(BaseModel):
    """How good a data set is."""

    id: str
    score: OpenScore | None = Field(description="null of what nobody has looked at yet")
    share: float | None = Field(description="Of asking over the days shown, answered")
    days: list[OpenDay] = Field(description="Ninety days, the last is today; days on which nobody asked say 0")
    files: list[OpenFileQuality]
    judged_at: datetime | None = Field(description="When validators looked last at the version in place")
    problems: list[OpenProblem] = Field(description="What they say of it, errors first")


class OpenQualities(BaseModel):
    """How good all data sets are."""

    datasets: list[OpenQuality]


def _describe(standing: Standing, quality: Quality | None) -> OpenQuality:
    score = quality.score if quality else None
    made_at = standing.current.made_at if standing.current else None
    return OpenQuality(
        id=standing.dataset.id,
        score=OpenScore(day=score.day, today=_marks(score.today), smooth=_marks(score.smooth)) if score else None,
        share=quality.share if quality else None,
        days=[OpenDay(**vars(one)) for one in quality.days] if quality else [],
        files=[
            OpenFileQuality(
                name=one.name,
                share=one.share,
                mean_ms=one.mean,
                slowest_ms=one.slowest,
                last_at=one.last_at,
                last_problem=one.last_problem,
                age_s=one.last_age,
            )
            for one in (quality.files if quality else ())
        ],
        judged_at=standing.report.judged_at if standing.report else made_at,
        problems=[OpenProblem(**vars(one)) for one in standing.found],
    )


def _marks(marks: Marks) -> OpenMarks:
    return OpenMarks(**vars(marks))


@_read("/quality.json", response_model=OpenQualities, responses=KNOWN)
def list_open_qualities(request: Request, session: Database, now: Now) -> Response:
    """Tell how good every data set is: score, answers by day, what validators say."""
    connection = driver(session)
    found = read_quality(connection, now.astimezone(ZONE).date())
    standings = list_all_standings(connection)
    return send_model(request, OpenQualities(datasets=[_describe(one, found.get(one.dataset.id)) for one in standings]))


@_read("/{dataset}/quality.json", response_model=OpenQuality, responses={**KNOWN, **problems(404, 422)})
def get_open_quality(request: Request, session: Database, now: Now, dataset: DatasetId) -> Response:
    """Tell how good a data set is."""
    standing = find_dataset(session, dataset)
    found = read_quality(driver(session), now.astimezone(ZONE).date(), dataset)
    return send_model(request, _describe(standing, found.get(dataset)))

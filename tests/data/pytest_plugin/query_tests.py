"""Tests with a database that the tests of the pytest plugin measure."""

import pytest
from django.contrib.contenttypes.models import ContentType

SEEN = []


@pytest.mark.django_db
@pytest.mark.memeval(iterations=6)
def test_query():
    created = ContentType.objects.create(app_label="a", model="b")
    assert ContentType.objects.filter(app_label="a").count() == 1
    created.delete()


@pytest.mark.memeval(iterations=8)
def test_query_leaks(db):
    SEEN.append([*ContentType.objects.all(), bytearray(20_000)])


@pytest.mark.django_db
def test_database_is_clean():
    assert not ContentType.objects.filter(app_label="a").exists()

"""Tests with a database that the tests of the pytest plugin measure."""

import pytest
from django.contrib.contenttypes.models import ContentType


@pytest.mark.django_db
@pytest.mark.memeval(warmup=1, iterations=4)
def test_query():
    created = ContentType.objects.create(app_label="a", model="b")
    assert ContentType.objects.filter(app_label="a").count() == 1
    created.delete()


@pytest.mark.django_db
def test_database_is_clean():
    assert not ContentType.objects.filter(app_label="a").exists()

"""How far old meter values have been thinned out."""

from django.db import models

from stations.models import Connector


class Thinning(models.Model):
    """What is behind the clock's walk through a connector's old readings; see `transactions/thinning.py`.

    `session` is the number of the last session whose readings were looked at, `loose_until` the moment up to which
    those outside of sessions were. `due_at` is when somebody looks next.
    """

    connector = models.OneToOneField(Connector, primary_key=True, on_delete=models.CASCADE, related_name="+")
    session = models.IntegerField(default=0)
    loose_until = models.DateTimeField(null=True)
    due_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="thinning_due")]

    def __str__(self) -> str:
        return f"{self.connector_id}: #{self.session}"

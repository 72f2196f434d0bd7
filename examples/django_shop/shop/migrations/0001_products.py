from typing import Any

from django.db import migrations, models


def put_on_the_shelf(apps: Any, _: object) -> None:
    add = apps.get_model("shop", "Product").objects.create
    add(name="Sencha, 100 g", price=12, stock=50)
    add(name="Tea bowl", price=24, stock=20)
    add(name="Cast-iron kettle", price=90, stock=1)


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            "Product",
            [
                ("id", models.AutoField(primary_key=True)),
                ("name", models.TextField()),
                ("price", models.IntegerField()),
                ("stock", models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            "Order",
            [
                ("reference", models.CharField(primary_key=True, max_length=19)),
                ("product", models.ForeignKey("shop.Product", models.PROTECT)),
                ("job_id", models.CharField(max_length=36)),
            ],
        ),
        migrations.RunPython(put_on_the_shelf, migrations.RunPython.noop),
    ]

from django.db import models


class Product(models.Model):
    name = models.TextField()
    price = models.IntegerField()
    stock = models.PositiveIntegerField()


class Order(models.Model):
    reference = models.CharField(primary_key=True, max_length=19)
    product = models.ForeignKey(Product, models.PROTECT)
    job_id = models.CharField(max_length=36)

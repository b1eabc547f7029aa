"""All dataset pages, under /w/<workspace>/datasets/: those of datasets alone, and those that a base has a part in."""

from django.urls import path

from finetune_app.datasets.urls import urlpatterns as dataset_pages
from finetune_app.inspection import row_views, tokens_views

app_name = "datasets"
urlpatterns = [
    *dataset_pages,
    path("<name:name>/v/<int:number>/tokens", tokens_views.dataset_tokens, name="tokens"),
    path("<name:name>/v/<int:number>/rows/<int:row>", row_views.dataset_row, name="row"),
]

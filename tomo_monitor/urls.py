"""The root of all addresses."""

from django.contrib import admin
from django.urls import include, path

admin.site.site_header = admin.site.site_title = "Tomo Monitor"
admin.site.index_title = "Administration"
admin.site.enable_nav_sidebar = False  # its room is the tables'

handler500 = "dashboard.views.errors.failed"

urlpatterns = [
    path("", include("dashboard.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "dashboard.views.errors.bad_request"

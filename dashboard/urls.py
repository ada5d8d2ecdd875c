"""Every address on one screen."""

from django.urls import include, path

from dashboard.views import access, activity, apps, backups, health, overview, preparation, prometheus, servers

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("servers", servers.server_list, name="servers"),
    path("servers/add", servers.add, name="server_add"),
    path("servers/<int:server_id>", servers.server, name="server"),
    path("servers/<int:server_id>/charts", servers.charts, name="server_charts"),
    path("servers/<int:server_id>/table/<slug:chart>", servers.table, name="server_table"),
    path("servers/<int:server_id>/table/<slug:chart>.csv", servers.table_csv, name="server_table_csv"),
    path("servers/<int:server_id>/edit", servers.edit, name="server_edit"),
    path("servers/<int:server_id>/delete", servers.delete, name="server_delete"),
    path("servers/<int:server_id>/poll", servers.poll_now, name="server_poll"),
    path("servers/<int:server_id>/prepare", preparation.prepare, name="server_prepare"),
    path("servers/<int:server_id>/prepare/start", preparation.start, name="prepare_start"),
    path("servers/<int:server_id>/prepare/confirm", preparation.confirm, name="prepare_confirm"),
    path("apps", apps.app_list, name="apps"),
    path("servers/<int:server_id>/apps/<int:app_id>", apps.app, name="app"),
    path("servers/<int:server_id>/apps/<int:app_id>/charts", apps.charts, name="app_charts"),
    path("servers/<int:server_id>/apps/<int:app_id>/table/<slug:chart>", apps.table, name="app_table"),
    path("servers/<int:server_id>/apps/<int:app_id>/table/<slug:chart>.csv", apps.table_csv, name="app_table_csv"),
    path("activity", activity.activity, name="activity"),
    path("activity/export", activity.export, name="activity_export"),
    path("activity/trust", activity.trust, name="activity_trust"),
    path("activity/verify", activity.verify, name="activity_verify"),
    path("backups", backups.backups, name="backups"),
    path("backups/make", backups.make, name="backup_make"),
    path("backups/<str:name>/download", backups.download, name="backup_download"),
    path("sign-in", access.SignIn.as_view(), name="login"),
    path("sign-out", access.SignOut.as_view(), name="logout"),
    path("set-up/<str:token>", access.set_up, name="set_up"),
    path("confirm", access.confirm, name="confirm"),
    path("password", access.ChangePassword.as_view(), name="password_change"),
    path("admin/login/", access.admin_sign_in),
    path("health", health.health, name="health"),
    path("healthz", health.healthz, name="healthz"),
    path("metrics", prometheus.metrics, name="metrics"),
    path("api/v1/", include("dashboard.api.urls")),
]

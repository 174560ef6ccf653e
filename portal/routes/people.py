"""Addresses of home, signing in, teams and one's own settings."""

from django.conf import settings
from django.urls import URLPattern, path

from portal.views import home, people, settings_pages, signin

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("signin/", signin.signin, name="signin"),
    path("signin/demo/", signin.demo, name="signin_demo"),
    path("signin/link/<str:value>/", signin.link, name="signin_link"),
    path("sign-out/", signin.signout, name="signout"),
    path("team/", people.switch, name="team_switch"),
    path("teams/", people.teams, name="teams"),
    path("teams/<slug:slug>/", people.team, name="team"),
    path("settings/", settings_pages.settings_page, name="settings_page"),
    path("settings/tokens/", settings_pages.tokens, name="tokens"),
    path("settings/tokens/<int:pk>/revoke/", settings_pages.token_revoke, name="token_revoke"),
    path("shortcuts/", people.shortcuts, name="shortcuts"),
]
if settings.DEBUG:
    urlpatterns.append(path("styleguide/", people.styleguide, name="styleguide"))

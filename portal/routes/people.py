"""Addresses of home, signing in, teams and one's own settings."""

from django.conf import settings
from django.urls import URLPattern, path

from portal.views import factor_rules, home, people, second_factor, security, settings_pages, signin

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
    path("settings/tokens/<int:pk>/rotate/", settings_pages.token_rotate, name="token_rotate"),
    path("settings/tokens/<int:pk>/revoke/", settings_pages.token_revoke, name="token_revoke"),
    path("settings/security/", security.security, name="security"),
    path("settings/security/app/", security.app, name="security_app"),
    path("settings/security/key/", security.key, name="security_key"),
    path("settings/security/codes/", security.recovery, name="security_recovery"),
    path("settings/security/told/", security.told, name="security_told"),
    path("settings/security/<int:pk>/remove/", security.factor_remove, name="factor_remove"),
    path("second-factor/", second_factor.second_factor, name="second_factor"),
    path("second-factor/rules/", factor_rules.factor_rules, name="factor_rules"),
    path("second-factor/rules/people/", factor_rules.factor_people, name="factor_people"),
    path("second-factor/rules/people/<int:pk>/reset/", factor_rules.factor_reset, name="factor_reset"),
    path("shortcuts/", people.shortcuts, name="shortcuts"),
]
if settings.DEBUG:
    urlpatterns.append(path("styleguide/", people.styleguide, name="styleguide"))

"""Addresses of who may do what: questions, grants, roles, service accounts, reviews, looking as somebody."""

from django.urls import URLPattern, path

from portal.views import access, access_machines, access_people, access_reviews, looking

urlpatterns: list[URLPattern] = [
    path("", access.access, name="access"),
    path("grants/", access.grant_new, name="access_grant"),
    path("grants/<int:pk>/revoke/", access.grant_revoke, name="access_revoke"),
    path("roles/", access.roles, name="access_roles"),
    path("accounts/", access_machines.accounts, name="access_accounts"),
    path("accounts/<str:username>/tokens/", access_machines.account_token, name="access_account_token"),
    path("tokens/<int:pk>/rotate/", access_machines.token_rotate, name="access_token_rotate"),
    path("tokens/<int:pk>/end/", access_machines.token_end, name="access_token_end"),
    path("members/", access_people.admit, name="access_admit"),
    path("members/<int:pk>/dismiss/", access_people.dismiss, name="access_dismiss"),
    path("people/<str:username>/", access_people.person, name="access_person"),
    path("people/<str:username>/leave/", access_people.leave, name="access_leave"),
    path("people/<str:username>/look/", looking.begin, name="access_look"),
    path("look/end/", looking.end, name="access_look_end"),
    path("ownership/", access_people.ownership, name="access_ownership"),
    path("ownership/<uuid:pk>/transfer/", access_people.transfer, name="access_transfer"),
    path("reviews/", access_reviews.reviews, name="access_reviews"),
    path("reviews/<int:pk>/", access_reviews.review, name="access_review"),
    path("reviews/<int:pk>/export/", access_reviews.review_export, name="access_review_export"),
    path("reviews/items/<int:pk>/", access_reviews.review_decide, name="access_review_decide"),
]

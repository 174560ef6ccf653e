"""Addresses of the API about who may do what, below /api/v1/access/."""

from django.urls import URLPattern, path

from portal.api.views import access, access_accounts

urlpatterns: list[URLPattern] = [
    path("why/", access.Why.as_view(), name="access_why"),
    path("who/", access.Who.as_view(), name="access_who"),
    path("grants/", access.Grants.as_view(), name="access_grants"),
    path("grants/<int:pk>/revoke/", access.GrantRevoke.as_view(), name="access_grant_revoke"),
    path("roles/", access.Roles.as_view(), name="access_roles"),
    path("members/", access.Members.as_view(), name="access_members"),
    path("members/<int:pk>/", access.MemberDetail.as_view(), name="access_member"),
    path("accounts/", access_accounts.Accounts.as_view(), name="access_accounts"),
    path("accounts/<str:username>/tokens/", access_accounts.AccountTokens.as_view(), name="access_account_tokens"),
    path("tokens/<int:pk>/rotate/", access_accounts.TokenRotate.as_view(), name="access_token_rotate"),
    path("reviews/", access_accounts.Reviews.as_view(), name="access_reviews"),
    path("reviews/<int:pk>/", access_accounts.ReviewItems.as_view(), name="access_review"),
    path("reviews/items/<int:pk>/", access_accounts.ReviewDecide.as_view(), name="access_review_decide"),
    path("people/<str:username>/leave/", access_accounts.Leave.as_view(), name="access_leave"),
    path("environments/<uuid:pk>/transfer/", access_accounts.Transfer.as_view(), name="access_transfer"),
]

"""How somebody likes the list: views under names, columns in an order."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.auth.rules import own_path
from app.kernel.errors import Refused
from app.runtime.forms import StrictForm
from app.runtime.page import page, said
from app.withdrawals import service
from app.withdrawals.forms import ColumnsForm, DefaultViewForm, ViewForm, ViewNameForm
from app.withdrawals.queries import views as queries
from app.withdrawals.rules import viewing
from app.withdrawals.views.listing import address
from app.withdrawals.views.withdrawals import bp


@bp.get("/views")
@needs(Permission.WITHDRAWAL_READ)
def views() -> ResponseReturnValue:
    return _views()


@bp.post("/views")
@needs(Permission.WITHDRAWAL_READ)
def save_view() -> ResponseReturnValue:
    form = ViewForm()
    if not form.validate():
        return _views(form, status=422)
    asked = {name: str(form[name].data or "") for name in ("q", "sealed_card", *viewing.KEPT)}
    service.views.save(str(form.name.data), asked, actor=me())
    flash(_("视图“%(name)s”已保存", name=form.name.data), "good")
    return redirect(address({name: value for name, value in asked.items() if value}), 303)


@bp.post("/views/<int:view_id>/rename")
@needs(Permission.WITHDRAWAL_READ)
def rename_view(view_id: int) -> ResponseReturnValue:
    form = ViewNameForm()
    if not form.validate():
        return _views(status=422, wrong={view_id: form.errors["name"]})
    try:
        service.views.rename(view_id, str(form.name.data), actor=me())
    except Refused as problem:
        return _views(status=409, wrong={view_id: said(problem)})
    flash(_("已改名"), "good")
    return redirect(url_for(".views"), 303)


@bp.post("/views/<int:view_id>/delete")
@needs(Permission.WITHDRAWAL_READ)
def delete_view(view_id: int) -> ResponseReturnValue:
    StrictForm()
    service.views.delete(view_id, actor=me())
    flash(_("视图已删除"), "good")
    return redirect(url_for(".views"), 303)


@bp.post("/views/<int:view_id>/default")
@needs(Permission.WITHDRAWAL_READ)
def default_view(view_id: int) -> ResponseReturnValue:
    form = DefaultViewForm()
    wanted = form.validate() and form.wanted.data == "1"
    service.views.choose_default(view_id, wanted=wanted, actor=me())
    flash(_("打开提现列表时会先显示这个视图") if wanted else _("打开提现列表时会显示全部"), "good")
    return redirect(url_for(".views"), 303)


@bp.post("/columns")
@needs(Permission.WITHDRAWAL_READ)
def columns() -> ResponseReturnValue:
    form = ColumnsForm()
    if form.validate():
        service.views.choose_columns(form.column.data or (), form.places(), actor=me())
        flash(_("列已按您的选择显示，导出时也是这些列"), "good")
    else:
        flash(_("顺序请填 1 到 99 的整数"), "bad")
    return redirect(own_path(form.next.data or "") or address({}), 303)


def _views(
    form: ViewForm | None = None, *, status: int = 200, wrong: dict[int, list[str]] | None = None
) -> ResponseReturnValue:
    """Their views, with what is wrong about the one that was to be changed."""
    form = form or ViewForm(formdata=None)
    return page(
        "withdrawals/views.html",
        status,
        views=queries.views(me().operator_id),
        form=form,
        wrong=wrong or {},
        typed=request.form.get("name", ""),
        views_most=viewing.VIEWS_MOST,
    )

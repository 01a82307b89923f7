package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/boolplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/listplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// only replaces where the configuration says "go".
func only(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
	resp.RequiresReplace = req.ConfigValue.ValueString() == "go"
}

// echo plans a value of its own for what nobody sets.
type echo struct{}

func (echo) Description(context.Context) string         { return "Made up." }
func (echo) MarkdownDescription(context.Context) string { return "Made up." }

func (echo) PlanModifyString(_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	if req.PlanValue.IsUnknown() && req.ConfigValue.IsNull() {
		resp.PlanValue = types.StringValue("echo")
	}
}

// modifiers has plan modifiers at every level.
func modifiers() schema.Schema {
	replace := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	kept := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	item := map[string]schema.Attribute{
		"key":   schema.StringAttribute{Required: true, PlanModifiers: replace},
		"kept":  schema.StringAttribute{Computed: true, PlanModifiers: kept},
		"plain": schema.StringAttribute{Optional: true},
	}
	made := base(map[string]schema.Attribute{
		"replace":      schema.StringAttribute{Optional: true, PlanModifiers: replace},
		"replace_both": schema.StringAttribute{Optional: true, Computed: true, PlanModifiers: replace},
		"replace_if": schema.StringAttribute{Optional: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplaceIf(only, "", "")}},
		"replace_configured": schema.StringAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplaceIfConfigured()}},
		"replace_bool": schema.BoolAttribute{Optional: true,
			PlanModifiers: []planmodifier.Bool{boolplanmodifier.RequiresReplace()}},
		"kept":      schema.StringAttribute{Computed: true, PlanModifiers: kept},
		"kept_both": schema.StringAttribute{Optional: true, Computed: true, PlanModifiers: kept},
		"kept_int": schema.Int64Attribute{Computed: true,
			PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()}},
		"kept_then_replace": schema.StringAttribute{Optional: true, Computed: true,
			PlanModifiers: append(append([]planmodifier.String{}, kept...), replace...)},
		"own":   schema.StringAttribute{Optional: true, Computed: true, PlanModifiers: []planmodifier.String{echo{}}},
		"items": schema.ListNestedAttribute{Optional: true, NestedObject: objects(item)},
		"named": schema.MapNestedAttribute{Optional: true, NestedObject: objects(item)},
		"one": schema.SingleNestedAttribute{Optional: true, Attributes: item,
			PlanModifiers: []planmodifier.Object{objectplanmodifier.RequiresReplace()}},
		"words": schema.ListAttribute{Optional: true, ElementType: types.StringType,
			PlanModifiers: []planmodifier.List{listplanmodifier.RequiresReplace()}},
		"kept_list": schema.ListNestedAttribute{Optional: true, Computed: true, NestedObject: objects(spare()),
			PlanModifiers: []planmodifier.List{listplanmodifier.UseStateForUnknown()}},
	})
	made.Blocks = map[string]schema.Block{
		"block": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: item}},
	}
	return made
}
